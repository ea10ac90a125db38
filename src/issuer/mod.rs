//! The verbs: what Mintage does, one file each, for whoever asks through whichever door.
