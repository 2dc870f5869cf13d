//! Finds the chunks of a workspace by words and by vectors. Knows no document and no protocol.
