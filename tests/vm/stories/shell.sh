# For a person: no story, but a shell.
sh -i
