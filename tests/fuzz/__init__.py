"""Random requests to every page, every operation of the API and /verify, by callers of every role.

`python -m tests.fuzz` runs it. `values` has the values, `world` the callers and the objects. Each of `pages`, `api`,
`verify`, `documents` and `widths` is a part of the run.
"""
