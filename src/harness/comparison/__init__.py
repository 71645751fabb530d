"""Two runs on the same items: how much better, how sure, which items, and whether anything can be said at all.

Functions of rows and numbers; scipy and statsmodels do the statistics and are imported when a function is called.
Nothing here trains, and nothing here compares what was not measured alike.
"""
