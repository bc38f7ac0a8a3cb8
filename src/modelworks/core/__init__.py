"""The ground floor: errors, hashing, loading leaves by name, configuration, files. Imports no other room."""
