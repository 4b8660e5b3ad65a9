//! The tree of tags: what a screen reader reads, in which order, and as what.
use krilla::tagging::{Identifier, Node, TagGroup, TagKind, TagTree};

/// The tree as it grows: its groups by number, the first of them the document's own.
#[derive(Debug, Default)]
pub(super) struct Tags {
    groups: Vec<Group>,
    top: Vec<usize>,
    contents: usize,
}

#[derive(Debug)]
struct Group {
    kind: TagKind,
    children: Vec<Child>,
}

#[derive(Debug, Clone, Copy)]
enum Child {
    Group(usize),
    Content(usize),
}

impl Tags {
    /// A group of the document itself.
    pub(super) fn top(&mut self, kind: impl Into<TagKind>) -> usize {
        let number = self.add(kind.into());
        self.top.push(number);
        number
    }

    /// A group in another.
    pub(super) fn within(&mut self, parent: usize, kind: impl Into<TagKind>) -> usize {
        let number = self.add(kind.into());
        if let Some(parent) = self.groups.get_mut(parent) {
            parent.children.push(Child::Group(number));
        }
        number
    }

    /// A piece of content in a group: something that will be drawn once.
    pub(super) fn content(&mut self, parent: usize) -> usize {
        let number = self.contents;
        self.contents += 1;
        if let Some(parent) = self.groups.get_mut(parent) {
            parent.children.push(Child::Content(number));
        }
        number
    }

    /// The kind of a group, to be completed once its place on the page is known.
    pub(super) fn kind(&mut self, group: usize) -> Option<&mut TagKind> {
        self.groups.get_mut(group).map(|group| &mut group.kind)
    }

    /// How many pieces of content there are.
    pub(super) fn contents(&self) -> usize {
        self.contents
    }

    /// The tree for the file. What was not drawn isn't in it.
    pub(super) fn tree(self, drawn: &[Option<Identifier>], language: &str) -> TagTree {
        let Tags { groups, top, .. } = self;
        // Children have higher numbers than their parents: built from behind, each is whole when its parent takes it.
        let mut built: Vec<Option<TagGroup>> = Vec::with_capacity(groups.len());
        built.resize_with(groups.len(), || None);
        for (number, group) in groups.into_iter().enumerate().rev() {
            let mut whole = TagGroup::new(group.kind);
            for child in group.children {
                let node = match child {
                    Child::Group(child) => built.get_mut(child).and_then(Option::take).map(Node::Group),
                    Child::Content(content) => drawn.get(content).copied().flatten().map(Node::Leaf),
                };
                whole.children.extend(node);
            }
            built[number] = Some(whole);
        }
        let mut tree = TagTree::new().with_lang(Some(language.to_owned()));
        for number in top {
            if let Some(group) = built.get_mut(number).and_then(Option::take) {
                tree.push(group);
            }
        }
        tree
    }

    fn add(&mut self, kind: TagKind) -> usize {
        self.groups.push(Group { kind, children: Vec::new() });
        self.groups.len() - 1
    }
}
