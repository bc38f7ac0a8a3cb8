"""An example of a task that lives outside Modelworks."""
