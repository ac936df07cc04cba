//! See `fuzz::sections`.

#![cfg_attr(fuzzing, no_main)]

fuzz::program!(sections);
