//! Chunks in a word index in memory, four fields each, ranked by BM25. Words are cut before they come here,
//! so that systems that differ in that alone can be compared.

use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery};
use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{TextAnalyzer, WhitespaceTokenizer};
use tantivy::{Index, Searcher, TantivyDocument, Term};

/// Body, name, signature, path: the words of a chunk, separated by blanks.
pub type Words = [String; FIELDS];

/// How many fields a chunk has.
pub const FIELDS: usize = 4;

/// Memory of the writer, bytes.
const HEAP: usize = 64 << 20;

/// An index of one tree.
#[expect(missing_debug_implementations, reason = "tantivy's searcher has none")]
pub struct Ranked {
    searcher: Searcher,
    fields: [Field; FIELDS],
    record: IndexRecordOption,
}

impl Ranked {
    /// Indexes chunks in order. Without `frequencies` a word counts once however often a chunk says it.
    ///
    /// # Errors
    /// What tantivy says.
    pub fn build(chunks: impl Iterator<Item = Words>, frequencies: bool) -> Result<Ranked, String> {
        let record = if frequencies {
            IndexRecordOption::WithFreqs
        } else {
            IndexRecordOption::Basic
        };
        let indexing = TextFieldIndexing::default()
            .set_tokenizer("blanks")
            .set_index_option(record);
        let options = TextOptions::default().set_indexing_options(indexing);
        let mut schema = Schema::builder();
        let fields = ["body", "name", "signature", "path"]
            .map(|name| schema.add_text_field(name, options.clone()));
        let chunk = schema.add_u64_field("chunk", FAST);
        let index = Index::create_in_ram(schema.build());
        let analyzer = TextAnalyzer::builder(WhitespaceTokenizer::default()).build();
        index.tokenizers().register("blanks", analyzer);
        let said = |e: tantivy::TantivyError| e.to_string();
        let mut writer = index.writer_with_num_threads(1, HEAP).map_err(said)?;
        for (number, words) in chunks.enumerate() {
            let mut document = TantivyDocument::new();
            document.add_u64(chunk, number as u64);
            for (field, words) in fields.iter().zip(&words) {
                document.add_text(*field, words);
            }
            writer.add_document(document).map_err(said)?;
        }
        writer.commit().map_err(said)?;
        let searcher = index.reader().map_err(said)?.searcher();
        Ok(Ranked {
            searcher,
            fields,
            record,
        })
    }

    /// Numbers and scores of the best chunks, best first, for words with their weights.
    ///
    /// # Errors
    /// What tantivy says.
    pub fn search(
        &self,
        words: &[(String, f32)],
        boosts: [f32; FIELDS],
        most: usize,
    ) -> Result<Vec<(usize, f32)>, String> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for (word, weight) in words {
            for (field, boost) in self.fields.iter().zip(boosts) {
                if boost > 0.0 {
                    let term = TermQuery::new(Term::from_field_text(*field, word), self.record);
                    let boosted = BoostQuery::new(Box::new(term), boost * weight);
                    clauses.push((Occur::Should, Box::new(boosted)));
                }
            }
        }
        if clauses.is_empty() {
            return Ok(Vec::new());
        }
        let collector = TopDocs::with_limit(most).order_by_score();
        let found = self
            .searcher
            .search(&BooleanQuery::new(clauses), &collector);
        let found = found.map_err(|e| e.to_string())?;
        let mut hits = Vec::with_capacity(found.len());
        for (score, address) in found {
            let segment = self.searcher.segment_reader(address.segment_ord);
            let column = segment
                .fast_fields()
                .u64("chunk")
                .map_err(|e| e.to_string())?;
            if let Some(number) = column.first(address.doc_id) {
                hits.push((number as usize, score));
            }
        }
        Ok(hits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rare_word_wins_and_boosts_count() {
        let chunks = [
            ["a b", "", "", "x"],
            ["a", "", "", "y"],
            ["c", "a", "", "z"],
        ];
        let chunks = chunks.map(|chunk| chunk.map(str::to_owned));
        let ranked = Ranked::build(chunks.into_iter(), true).unwrap();
        let best = |word: &str, boosts| {
            let found = ranked.search(&[(word.to_owned(), 1.0)], boosts, 9).unwrap();
            found.iter().map(|(n, _)| *n).collect::<Vec<_>>()
        };
        assert_eq!(best("b", [1.0; 4]), [0]);
        assert_eq!(best("a", [1.0, 9.0, 0.0, 0.0])[0], 2);
        assert_eq!(best("a", [1.0, 0.0, 0.0, 0.0]).len(), 2);
        assert_eq!(best("none", [1.0; 4]), [0usize; 0]);
    }
}
