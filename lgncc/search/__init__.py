"""-O3: search among the mapper's options on one network, for as long as the user allows."""
