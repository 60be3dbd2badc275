"""What runs a network or a block: sessions, each runtime behind one face, exported files opened."""
