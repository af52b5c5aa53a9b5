//! Client of pogu and of the protocols it speaks.
