//! The kind `folder` keeps what every kind promises, and what only files need.

use crate::folder_worlds::FolderWorlds;

testkit::conforms!(FolderWorlds);
