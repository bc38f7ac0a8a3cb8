"""Keys, the artifact store, executing one step, explaining why. Moves artifacts; knows no stage."""
