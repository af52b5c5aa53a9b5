mod pair;

use super::*;
use crate::{Reader, Time};
