"""What the tasks that answer once for a whole sequence have in common: a network that pools its steps."""
