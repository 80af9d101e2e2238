"""The business: values and rules, without sockets, clocks, files or chance."""
