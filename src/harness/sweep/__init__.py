"""Many experiments together: how they stand in the store, trained here several at once, told in one table."""
