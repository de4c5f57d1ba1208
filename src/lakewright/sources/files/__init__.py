"""The source kind `files`: exports dropped into a folder are transferred, read and turned into changes."""
