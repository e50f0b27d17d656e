"""How things look on a terminal, without I/O: safe text, colours, tables, bars, pictures."""
