"""The commands, one file each: parse, call a library function, show what came back."""
