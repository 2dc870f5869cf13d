//! One fixture a language: which of its definitions are chunks, under which names and kinds. A grammar or a
//! query that moves a border fails here.

use expect_test::{Expect, expect};

use crate::chunk::Chunk;

/// A line `~` stands for six lines of `filler`, so that a body is long enough to be a chunk of its own.
fn check(path: &str, filler: &str, fixture: &str, expected: Expect) {
    let mut text = String::new();
    for line in fixture.lines() {
        match line.strip_suffix('~') {
            Some(indent) => text += &format!("{indent}{filler}\n").repeat(6),
            None => text += &format!("{line}\n"),
        }
    }
    let found = crate::chunk::chunks(path, &text, &mut || false);
    let shown: Vec<String> = found.iter().map(|chunk| show(&text, chunk)).collect();
    expected.assert_eq(&shown.join("\n"));
}

/// Lines from 1, the last included; kind, name, further names, and the line of the head.
fn show(text: &str, chunk: &Chunk) -> String {
    let mut shown = format!(
        "{}-{} {}",
        chunk.lines.start + 1,
        chunk.lines.end,
        chunk.kind.word()
    );
    let signature = text[chunk.signature.clone()].trim();
    for (mark, part) in [
        (" ", chunk.qualified.as_str()),
        (" + ", &chunk.names.join(", ")),
        (" | ", signature),
    ] {
        if !part.is_empty() {
            shown += mark;
            shown += part;
        }
    }
    shown
}

#[test]
fn c_sharp() {
    check(
        "Store.cs",
        r#"Compute(first, second, third, fourth, fifth);"#,
        r#"using System;

namespace App.Data
{
    /// <summary>Keeps users.</summary>
    [Serializable]
    public class UserStore : IStore
    {
        private const int Limit = 3;

        public UserStore(int limit)
        {
            ~
        }

        [Obsolete]
        public User Find(string name)
        {
            ~
        }

        public static UserStore operator +(UserStore a, UserStore b)
        {
            ~
        }
    }

    public interface IStore
    {
        User Find(string name);
    }

    public enum Level { Low, High }
}
"#,
        expect![[r#"
            1-2 rest
            3-4 type App.Data | namespace App.Data
            5-8 type App.Data.UserStore | public class UserStore : IStore
            9-9 value App.Data.UserStore.Limit | private const int Limit = 3;
            11-19 function App.Data.UserStore.UserStore | public UserStore(int limit)
            21-30 function App.Data.UserStore.Find | public User Find(string name)
            32-40 function App.Data.UserStore.+ | public static UserStore operator +(UserStore a, UserStore b)
            43-48 type App.Data.IStore + Find, Level | public interface IStore"#]],
    );
}

#[test]
fn ruby() {
    check(
        "store.rb",
        r#"compute(first, second, third, fourth, fifth, sixth)"#,
        r#"require "set"

module App
  # Keeps users.
  class UserStore < Base
    LIMIT = 3

    def find(name)
      ~
    end

    def self.open(path)
      ~
    end
  end
end

def alone
  ~
end
"#,
        expect![[r#"
            1-2 rest
            3-3 type App | module App
            4-5 type App.UserStore | class UserStore < Base
            6-6 value App.UserStore.LIMIT | LIMIT = 3
            8-15 function App.UserStore.find | def find(name)
            17-26 function App.UserStore.open | def self.open(path)
            28-35 function alone | def alone"#]],
    );
}

#[test]
fn php() {
    check(
        "store.php",
        r#"compute($first, $second, $third, $fourth, $fifth);"#,
        r#"<?php

namespace App;

use App\Base;

const LIMIT = 3;

/** Keeps users. */
class UserStore extends Base
{
    private array $rows = [];

    #[Pure]
    public function find(string $name): ?User
    {
        ~
    }
}

interface Store
{
    public function find(string $name): ?User;
}

function alone(): void
{
    ~
}
"#,
        expect![[r#"
            1-6 rest
            7-7 value LIMIT | const LIMIT = 3;
            9-24 type UserStore + find | class UserStore extends Base
            26-29 type Store + find | interface Store
            31-39 function alone | function alone(): void"#]],
    );
}

#[test]
fn kotlin() {
    check(
        "Store.kt",
        r#"compute(first, second, third, fourth, fifth, sixth)"#,
        r#"package app

import app.Base

const val LIMIT = 3

/** Keeps users. */
class UserStore(private val rows: List<String>) : Base() {
    @Deprecated("old")
    fun find(name: String): User? {
        ~
    }

    companion object {
        fun open(path: String): UserStore {
            ~
        }
    }
}

object Registry {
    val all = mutableListOf<UserStore>()
}

typealias Rows = List<String>

fun String.alone(): Int {
    ~
}
"#,
        expect![[r#"
            1-4 rest
            5-5 value LIMIT | const val LIMIT = 3
            7-8 type UserStore | class UserStore(private val rows: List<String>) : Base() {
            9-17 function UserStore.find | fun find(name: String): User? {
            18-19 rest UserStore
            20-27 function UserStore.open | fun open(path: String): UserStore {
            31-33 type Registry + all | object Registry {
            35-35 value Rows | typealias Rows = List<String>
            37-44 function alone | fun String.alone(): Int {"#]],
    );
}

#[test]
fn swift() {
    check(
        "Store.swift",
        r#"compute(first, second, third, fourth, fifth, sixth)"#,
        r#"import Foundation

let limit = 3

/// Keeps users.
public final class UserStore: Store {
    private var rows: [String] = []

    init(rows: [String]) {
        ~
    }

    @discardableResult
    func find(name: String) -> User? {
        ~
    }
}

protocol Store {
    func find(name: String) -> User?
}

extension UserStore {
    func count() -> Int {
        ~
    }
}

func alone() {
    ~
}
"#,
        expect![[r#"
            1-2 rest
            3-3 value limit | let limit = 3
            5-8 type UserStore | public final class UserStore: Store {
            9-16 function UserStore.init | init(rows: [String]) {
            18-26 function UserStore.find | func find(name: String) -> User? {
            29-31 type Store + find | protocol Store {
            33-42 type UserStore + count | extension UserStore {
            44-51 function alone | func alone() {"#]],
    );
}

#[test]
fn scala() {
    check(
        "Store.scala",
        r#"compute(first, second, third, fourth, fifth, sixth)"#,
        r#"package app

import app.Base

/** Keeps users. */
class UserStore(rows: List[String]) extends Base {
  val limit = 3

  def find(name: String): Option[User] = {
    ~
  }
}

object UserStore {
  def open(path: String): UserStore = {
    ~
  }
}

trait Store {
  def find(name: String): Option[User]
}

enum Level { case Low, High }
"#,
        expect![[r#"
            1-4 rest
            5-17 type UserStore + limit, find | class UserStore(rows: List[String]) extends Base {
            19-28 type UserStore + open | object UserStore {
            30-34 type Store + find, Level | trait Store {"#]],
    );
}

#[test]
fn zig() {
    check(
        "store.zig",
        r#"compute(first, second, third, fourth, fifth, sixth);"#,
        r#"const std = @import("std");

/// Keeps users.
pub const UserStore = struct {
    rows: []const []const u8,

    pub fn find(self: UserStore, name: []const u8) ?User {
        ~
    }
};

pub const Level = enum { low, high };

pub fn alone() void {
    ~
}

test "finds" {
    ~
}
"#,
        expect![[r#"
            1-1 value std | const std = @import("std");
            3-15 type UserStore + find | pub const UserStore = struct {
            17-17 type Level | pub const Level = enum { low, high };
            19-26 function alone | pub fn alone() void {
            28-35 function finds | test "finds" {"#]],
    );
}

#[test]
fn lua() {
    check(
        "store.lua",
        r#"compute(first, second, third, fourth, fifth, sixth)"#,
        r#"local base = require("base")

local LIMIT = 3

local UserStore = {}

--- Finds a user.
function UserStore:find(name)
  ~
end

UserStore.open = function(path)
  ~
end

local function alone()
  ~
end

local other = function()
  ~
end

return UserStore
"#,
        expect![[r#"
            1-5 value base + LIMIT, UserStore | local base = require("base")
            7-15 function UserStore:find | function UserStore:find(name)
            17-24 function UserStore.open | UserStore.open = function(path)
            26-33 function alone | local function alone()
            35-42 function other | local other = function()
            43-44 rest"#]],
    );
}

#[test]
fn shell() {
    check(
        "run.sh",
        r#"compute "$first" "$second" "$third" "$fourth" "$fifth""#,
        r#"#!/bin/sh
set -eu

LIMIT=3
readonly NAME=store

# Finds a user.
find_user() {
  ~
}

function alone {
  ~
}

find_user "$1"
"#,
        expect![[r#"
            1-3 rest
            4-5 value LIMIT + NAME | LIMIT=3
            7-15 function find_user | find_user() {
            17-24 function alone | function alone {
            25-26 rest"#]],
    );
}

#[test]
fn html() {
    check(
        "page.html",
        r#"<p>first second third fourth fifth sixth seventh</p>"#,
        r#"<!doctype html>
<html>
<head>
  <style>
    body { margin: 0; }
  </style>
</head>
<body>
  <!-- The list. -->
  <main id="users">
    <h1>All users</h1>
    ~
  </main>
  <section id="about">
    <h2>About</h2>
    ~
    ~
  </section>
  <script>
    start();
  </script>
</body>
</html>
"#,
        expect![[r#"
            1-3 rest
            4-6 value style | <style>
            7-8 rest
            9-18 section users + All users | <main id="users">
            19-33 section about + About | <section id="about">
            34-36 value script | <script>
            37-38 rest"#]],
    );
}

#[test]
fn css() {
    check(
        "page.css",
        r#"margin: 0 auto; padding: 0 1px 2px 3px; border: 0;"#,
        r#"@import "base.css";

/* The list. */
#users,
.user > a {
  ~
}

@media (max-width: 40em) {
  .user {
    ~
  }
}

@keyframes fade {
  from { opacity: 0; }
  to { opacity: 1; }
}
"#,
        expect![[r#"
            1-2 rest
            3-12 value #users, .user > a | #users,
            14-23 section (max-width: 40em) + .user | @media (max-width: 40em) {
            25-28 value fade | @keyframes fade {"#]],
    );
}

#[test]
fn json() {
    check(
        "package.json",
        r#""first second third fourth fifth sixth seventh","#,
        r#"{
  "name": "store",
  "private": true,
  "scripts": {
    "build": "tsc",
    "list": [
      ~
      "end"
    ]
  },
  "dependencies": {}
}
"#,
        expect![[r#"
            2-3 value name + private | "name": "store",
            4-15 value scripts | "scripts": {
            16-16 value dependencies | "dependencies": {}"#]],
    );
}

#[test]
fn toml() {
    check(
        "Cargo.toml",
        r#"# first second third fourth fifth sixth seventh eighth"#,
        r#"edition = "2024"

# What it is.
[package]
name = "store"
~

[dependencies.base]
version = "1"
~

[[bin]]
name = "run"
~
"#,
        expect![[r#"
            1-1 value edition | edition = "2024"
            3-12 value package | [package]
            13-21 value dependencies.base | [dependencies.base]
            22-29 value bin | [[bin]]"#]],
    );
}

#[test]
fn yaml() {
    check(
        "ci.yml",
        r#"- first second third fourth fifth sixth seventh eighth"#,
        r#"name: ci
on: [push]

# What is done.
jobs:
  build:
    steps:
      ~
---
"second":
  list:
    ~
"#,
        expect![[r#"
            1-2 value name + on | name: ci
            4-13 value jobs | jobs:
            14-22 value second | "second":"#]],
    );
}

#[test]
fn markdown() {
    check(
        "notes.markdown",
        r#"first second third fourth fifth sixth seventh eighth"#,
        r#"# Store

~

## Use

~
"#,
        expect![[r#"
            1-9 section Store | # Store
            10-17 section Store > Use | ## Use"#]],
    );
}
