"""The client suite: odd and faulty servers, and what a client must make of each."""
