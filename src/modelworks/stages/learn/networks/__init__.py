"""Torch networks, one file each. They know tensors only: no task, no data, no stage."""
