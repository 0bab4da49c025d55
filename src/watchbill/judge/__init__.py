"""Was it theirs to do at that moment?"""
