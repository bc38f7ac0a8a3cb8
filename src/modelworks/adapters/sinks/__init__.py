"""Systems to which records are sent, a leaf each (contracts/sink.py)."""
