//! The ranked words: one row of fields a chunk, BM25 over them, by the engine's own terms.

use foretoken_engine::chunk::Chunk;
use foretoken_engine::rank::Weights;
use foretoken_engine::terms::{self, Query};
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, TermQuery};
use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};
use tantivy::{Index, IndexWriter, Searcher, TantivyDocument, Term};

/// Terms of a question that are looked for; more cost time and find little.
pub(crate) const MOST_TERMS: usize = 32;
/// Rows that are ranked.
pub(crate) const CANDIDATES: usize = 200;
/// Memory of the writer before a segment is closed, in bytes.
const HEAP: usize = 64 << 20;

#[derive(Clone, Copy)]
struct Fields {
    row: Field,
    body: Field,
    name: Field,
    head: Field,
    path: Field,
}

impl Fields {
    /// The searched ones in the order in which [`Weights`] has their weights.
    fn searched(self) -> [Field; 4] {
        [self.body, self.name, self.head, self.path]
    }
}

/// Takes rows until it is sealed.
pub(crate) struct Builder {
    fields: Fields,
    index: Index,
    writer: IndexWriter,
}

/// Answers questions with row numbers.
pub(crate) struct Words {
    fields: Fields,
    searcher: Searcher,
}

impl Builder {
    /// An empty index in memory that this many threads write.
    pub(crate) fn new(threads: usize) -> tantivy::Result<Builder> {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_tokenizer("terms")
            .set_index_option(IndexRecordOption::WithFreqs);
        let text = TextOptions::default().set_indexing_options(indexing);
        let fields = Fields {
            row: schema.add_u64_field("row", FAST),
            body: schema.add_text_field("body", text.clone()),
            name: schema.add_text_field("name", text.clone()),
            head: schema.add_text_field("head", text.clone()),
            path: schema.add_text_field("path", text),
        };
        let index = Index::create_in_ram(schema.build());
        index.tokenizers().register("terms", Terms);
        let writer = index.writer_with_num_threads(threads, HEAP * threads)?;
        Ok(Builder {
            fields,
            index,
            writer,
        })
    }

    /// Adds a chunk of a text as the row of this number. Threads may call it side by side.
    pub(crate) fn add(
        &self,
        row: u64,
        path: &str,
        text: &str,
        chunk: &Chunk,
    ) -> tantivy::Result<()> {
        let mut document = TantivyDocument::default();
        let fields = self.fields;
        document.add_u64(fields.row, row);
        document.add_text(fields.body, &text[chunk.bytes.clone()]);
        let names = [chunk.name.as_str(), &chunk.qualified].into_iter();
        let names: Vec<&str> = names
            .chain(chunk.names.iter().map(String::as_str))
            .collect();
        document.add_text(fields.name, names.join(" "));
        document.add_text(fields.head, &text[chunk.signature.clone()]);
        document.add_text(fields.path, place(path));
        self.writer.add_document(document).map(drop)
    }

    /// Ends the writing; from here on it answers.
    pub(crate) fn seal(mut self) -> tantivy::Result<Words> {
        self.writer.commit()?;
        let searcher = self.index.reader()?.searcher();
        Ok(Words {
            fields: self.fields,
            searcher,
        })
    }
}

/// The stem twice, and the three folders nearest to it.
pub(crate) fn place(path: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    let file = parts.pop().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let from = parts.len().saturating_sub(3);
    format!("{stem} {stem} {}", parts[from..].join(" "))
}

impl Words {
    /// The best rows for a question, best first, each with its BM25 score (k1 1.2, b 0.75: tantivy's).
    ///
    /// Fields of weight 0 are not looked at.
    pub(crate) fn search(
        &self,
        query: &mut Query,
        weights: &Weights,
    ) -> tantivy::Result<Vec<(u64, f32)>> {
        let rows = self.searcher.num_docs() as f32;
        let idf = |term: &str| {
            let term = Term::from_field_text(self.fields.body, term);
            let holding = self.searcher.doc_freq(&term).unwrap_or(0) as f32;
            (1.0 + (rows - holding + 0.5).max(0.0) / (holding + 0.5)).ln()
        };
        query.prune(MOST_TERMS, &idf);
        let mut clauses: Vec<(Occur, Box<dyn tantivy::query::Query>)> = Vec::new();
        for term in &query.terms {
            let fields = self.fields.searched().into_iter().zip(weights.fields);
            for (field, boost) in fields.filter(|(_, boost)| *boost > 0.0) {
                let value = Term::from_field_text(field, &term.text);
                let one = TermQuery::new(value, IndexRecordOption::WithFreqs);
                let weighed = BoostQuery::new(Box::new(one), boost * term.weight);
                clauses.push((Occur::Should, Box::new(weighed)));
            }
        }
        let top = TopDocs::with_limit(CANDIDATES).order_by_score();
        let found = self.searcher.search(&BooleanQuery::new(clauses), &top)?;
        let mut rows = Vec::with_capacity(found.len());
        for (score, address) in found {
            let segment = self.searcher.segment_reader(address.segment_ord);
            let column = segment.fast_fields().u64("row")?;
            rows.extend(column.first(address.doc_id).map(|row| (row, score)));
        }
        Ok(rows)
    }
}

/// The engine's terms as tantivy wants them.
#[derive(Clone)]
pub(crate) struct Terms;

pub(crate) struct Stream {
    // All terms of a text one behind the other, and where each ends.
    text: String,
    ends: Vec<usize>,
    at: usize,
    token: Token,
}

impl Tokenizer for Terms {
    type TokenStream<'a> = Stream;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream {
        let mut all = String::with_capacity(text.len());
        let mut ends = Vec::new();
        terms::each_term(text, &mut |term, _| {
            all.push_str(term);
            ends.push(all.len());
        });
        Stream {
            text: all,
            ends,
            at: 0,
            token: Token::default(),
        }
    }
}

impl TokenStream for Stream {
    fn advance(&mut self) -> bool {
        let Some(end) = self.ends.get(self.at) else {
            return false;
        };
        let start = self.at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.token.text.clear();
        self.token.text.push_str(&self.text[start..*end]);
        self.token.position = self.at;
        self.at += 1;
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}
