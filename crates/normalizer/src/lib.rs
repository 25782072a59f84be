//! Submission in, normalized record out
