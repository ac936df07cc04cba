pub struct Options;
