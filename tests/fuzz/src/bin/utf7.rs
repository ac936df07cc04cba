//! See `fuzz::utf7`.

#![cfg_attr(fuzzing, no_main)]

fuzz::program!(utf7);
