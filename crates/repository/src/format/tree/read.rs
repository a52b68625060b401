//! Reading of tree blobs, from any writer.
//!
//! Rules: keys may come in any order, `null` counts as absent, unknown keys are passed over. Each node is converted as it
//! is met, so that a listing of hundreds of thousands is never held twice. Names are kept as they are, hostile ones too; a type that is not
//! known, a time that is none, or a directory without listing make the whole listing damaged.

use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{FileKind, Meta, Problem, Result, Timestamp, Xattr};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Node, mode};
use crate::Id;
use crate::format::go_json::unquote;
use crate::format::go_time::parse_time;

#[derive(Deserialize)]
struct RawTree {
    #[serde(default, deserialize_with = "nodes")]
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct RawNode<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(default)]
    mode: u32,
    #[serde(borrow, default)]
    mtime: Text<'a>,
    #[serde(borrow, default)]
    ctime: Text<'a>,
    #[serde(default)]
    uid: u32,
    #[serde(default)]
    gid: u32,
    #[serde(borrow, default)]
    user: Text<'a>,
    #[serde(borrow, default)]
    group: Text<'a>,
    #[serde(default)]
    inode: u64,
    #[serde(default)]
    device_id: u64,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    links: u64,
    #[serde(borrow, default)]
    linktarget: Text<'a>,
    #[serde(borrow, default)]
    linktarget_raw: Text<'a>,
    #[serde(borrow, default)]
    extended_attributes: Option<Vec<RawXattr<'a>>>,
    #[serde(default)]
    device: u64,
    #[serde(default)]
    content: Option<Vec<Id>>,
    #[serde(default)]
    subtree: Option<Id>,
    #[serde(borrow, default)]
    generic_attributes: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Text<'a>,
}

#[derive(Deserialize)]
struct RawXattr<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    value: Option<Text<'a>>,
}

/// A string that is borrowed when it has no escapes.
#[derive(Default)]
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Word;
        impl<'de> Visitor<'de> for Word {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> std::result::Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> std::result::Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E>(self) -> std::result::Result<Text<'de>, E> {
                Ok(Text::default())
            }
        }
        deserializer.deserialize_any(Word)
    }
}

/// The nodes of a tree blob.
pub fn decode(json: &[u8]) -> Result<Vec<Node>> {
    let malformed = |error: &dyn std::fmt::Display| {
        Problem::damaged(format!("a directory listing is malformed: {error}"))
            .hint("`cairn repository check` finds what is damaged; the next backup stores it again")
    };
    let text = std::str::from_utf8(json).map_err(|error| malformed(&error))?;
    let tree: RawTree = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    Ok(tree.nodes)
}

fn nodes<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<Node>, D::Error> {
    struct List;
    impl<'de> Visitor<'de> for List {
        type Value = Vec<Node>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a list of nodes")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Vec<Node>, A::Error> {
            let mut nodes = Vec::new();
            while let Some(raw) = list.next_element::<RawNode<'de>>()? {
                nodes.push(node(raw).map_err(|problem| A::Error::custom(problem.message()))?);
            }
            Ok(nodes)
        }

        fn visit_unit<E>(self) -> std::result::Result<Vec<Node>, E> {
            Ok(Vec::new())
        }
    }
    deserializer.deserialize_any(List)
}

fn node(raw: RawNode<'_>) -> Result<Node> {
    let name = if raw.name.0.contains('\\') {
        unquote(&raw.name.0)?
    } else {
        raw.name.0.as_bytes().to_vec()
    };
    let kind = kind(&raw)?;
    let special = mode::SPECIAL.iter().filter(|(go, _)| raw.mode & go != 0);
    let meta = Meta {
        mode: special.fold(raw.mode & 0o777, |sum, (_, unix)| sum | unix),
        mtime: time(&raw.mtime)?,
        ctime: time(&raw.ctime)?,
        uid: raw.uid,
        gid: raw.gid,
        user: raw.user.0.into_owned(),
        group: raw.group.0.into_owned(),
        inode: raw.inode,
        device: raw.device_id,
        links: raw.links,
        size: if kind == FileKind::File { raw.size } else { 0 },
        xattrs: raw
            .extended_attributes
            .unwrap_or_default()
            .into_iter()
            .map(xattr)
            .collect::<Result<_>>()?,
        kind,
    };
    if meta.is_dir() && raw.subtree.is_none() {
        return Err(Problem::damaged(format!(
            "the directory “{}” has no listing",
            String::from_utf8_lossy(&name)
        )));
    }
    Ok(Node {
        name,
        meta,
        content: raw.content.unwrap_or_default(),
        subtree: raw.subtree,
        generic_attributes: raw.generic_attributes.map(|json| json.get().into()),
        error: (!raw.error.0.is_empty()).then(|| raw.error.0.as_ref().into()),
    })
}

fn kind(raw: &RawNode<'_>) -> Result<FileKind> {
    Ok(match &*raw.kind.0 {
        "file" => FileKind::File,
        "dir" => FileKind::Dir,
        "symlink" => FileKind::Symlink { target: target(raw)? },
        "dev" => FileKind::BlockDevice { device: raw.device },
        "chardev" => FileKind::CharDevice { device: raw.device },
        "fifo" => FileKind::Fifo,
        "socket" => FileKind::Socket,
        other => {
            return Err(Problem::damaged(format!(
                "an entry has the unknown type “{other}”"
            )));
        }
    })
}

fn target(raw: &RawNode<'_>) -> Result<PathBuf> {
    if raw.linktarget_raw.0.is_empty() {
        return Ok(PathBuf::from(&*raw.linktarget.0));
    }
    let bytes = STANDARD
        .decode(raw.linktarget_raw.0.as_bytes())
        .map_err(|_| Problem::damaged("a link target is malformed"))?;
    Ok(PathBuf::from(OsString::from_vec(bytes)))
}

fn time(text: &Text<'_>) -> Result<Timestamp> {
    if text.0.is_empty() {
        Ok(Timestamp::default())
    } else {
        parse_time(&text.0)
    }
}

fn xattr(raw: RawXattr<'_>) -> Result<Xattr> {
    let value = raw.value.unwrap_or_default();
    let value = STANDARD
        .decode(value.0.as_bytes())
        .map_err(|_| Problem::damaged("an extended attribute is malformed"))?;
    Ok(Xattr {
        name: OsString::from(raw.name.0.into_owned()),
        value,
    })
}
