"""What runs a graph file: a leaf `<engine>.py` sets `ENGINE`, a function (file, Graph, Runtime) -> callable."""
