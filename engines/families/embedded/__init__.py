"""The network of the student that ships: what makes it is `training`."""
