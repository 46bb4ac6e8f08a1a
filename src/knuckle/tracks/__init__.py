"""Videos to files of hands: JSON lines, overlay video, tables; what was interrupted goes on where it was."""
