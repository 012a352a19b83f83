"""From a state_dict or equations in an npz file to a Model."""
