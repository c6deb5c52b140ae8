"""`python tests/outputs.py NOTEBOOK ...` executes notebooks and stores their outputs in them.

`jupyter execute` would do, but stores with each cell when it ran, though told not to.
"""

import sys

import nbformat
from nbclient import NotebookClient

for path in sys.argv[1:]:
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, record_timing=False, timeout=None).execute()
    nbformat.write(notebook, path)
