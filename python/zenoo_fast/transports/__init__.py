"""How a call travels: ``json2``, ``jsonrpc``, or a plugin's."""
