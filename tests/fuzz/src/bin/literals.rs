//! See `fuzz::literals`.

#![cfg_attr(fuzzing, no_main)]

fuzz::program!(literals);
