//! Chunks in a word index in memory, ranked by BM25: what the product's own index is compared with. Words are
//! cut before they come here, so that systems that differ in that alone can be compared.

use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, Occur, Query, TermQuery};
use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{TextAnalyzer, WhitespaceTokenizer};
use tantivy::{Index, Searcher, TantivyDocument, Term};

/// Memory of the writer, bytes.
const HEAP: usize = 64 << 20;

/// An index of one tree.
#[expect(missing_debug_implementations, reason = "tantivy's searcher has none")]
pub struct Ranked {
    searcher: Searcher,
    words: Field,
    record: IndexRecordOption,
}

impl Ranked {
    /// Indexes chunks in order, each as its words with blanks between them. Without `frequencies` a word counts once however often a chunk says it.
    ///
    /// # Errors
    /// What tantivy says.
    pub fn build(
        chunks: impl Iterator<Item = String>,
        frequencies: bool,
    ) -> Result<Ranked, String> {
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
        let words = schema.add_text_field("words", options);
        let chunk = schema.add_u64_field("chunk", FAST);
        let index = Index::create_in_ram(schema.build());
        let analyzer = TextAnalyzer::builder(WhitespaceTokenizer::default()).build();
        index.tokenizers().register("blanks", analyzer);
        let said = |e: tantivy::TantivyError| e.to_string();
        let mut writer = index.writer_with_num_threads(1, HEAP).map_err(said)?;
        for (number, text) in chunks.enumerate() {
            let mut document = TantivyDocument::new();
            document.add_u64(chunk, number as u64);
            document.add_text(words, text);
            writer.add_document(document).map_err(said)?;
        }
        writer.commit().map_err(said)?;
        let searcher = index.reader().map_err(said)?.searcher();
        Ok(Ranked {
            searcher,
            words,
            record,
        })
    }

    /// Numbers and scores of the best chunks, best first, for distinct words.
    ///
    /// # Errors
    /// What tantivy says.
    pub fn search(&self, words: &[String], most: usize) -> Result<Vec<(usize, f32)>, String> {
        let clause = |word: &String| {
            let term = TermQuery::new(Term::from_field_text(self.words, word), self.record);
            (Occur::Should, Box::new(term) as Box<dyn Query>)
        };
        let clauses: Vec<_> = words.iter().map(clause).collect();
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
    fn the_rare_word_wins() {
        let chunks = ["a b x", "a y", "a c z"].map(str::to_owned);
        let ranked = Ranked::build(chunks.into_iter(), true).unwrap();
        let best = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let found = ranked.search(&words, 9).unwrap();
            found.iter().map(|(n, _)| *n).collect::<Vec<_>>()
        };
        assert_eq!(best(&["b"]), [0]);
        assert_eq!(best(&["a"]).len(), 3);
        assert_eq!(best(&["a", "c"])[0], 2);
        assert_eq!(best(&["none"]), [0usize; 0]);
    }
}
