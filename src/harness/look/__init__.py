"""A local page that makes people look at raw samples: samples first, then the table of runs, curves, lineage, pairs.

It reads the store and writes one thing: what people say about samples, in runs/notes/. It serves 127.0.0.1 alone and
trusts no text that it shows, and no other page of the browser. Starlette, Jinja2 and plotly come with the extra `ui`;
training imports none of this.
"""
