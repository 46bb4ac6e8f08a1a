"""What is rendered of a person: forearm and sleeve, flesh, sizes, and the poses that hands take."""
