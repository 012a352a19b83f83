"""Any recurrent step as equations: read from its nodes, not recognised."""
