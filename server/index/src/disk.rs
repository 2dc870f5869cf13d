//! The rows on the disk: one for each chunk with its words, and one for each file with its record, so
//! that one commit of the search library changes both or neither.
//!
//! A [`View`] is what the last commit holds, as a value: its files in memory, its words in mapped files.
//! A row whose file is not among its files does not exist, whatever the search library says.

use std::collections::HashMap;
use std::sync::Arc;

use foretoken_engine::rank::Weights;
use foretoken_engine::terms::Query;
use tantivy::collector::TopDocs;
use tantivy::columnar::Column;
use tantivy::directory::Directory;
use tantivy::indexer::LogMergePolicy;
use tantivy::query::{Bm25StatisticsProvider, BooleanQuery, BoostQuery, Occur, TermQuery};
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::{
    DocId, Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, TantivyError,
    Term,
};

use crate::record::Record;
use crate::words::{CANDIDATES, Terms, place};

/// Memory of the writer before a segment is closed, in bytes.
const HEAP: usize = 64 << 20;
/// A segment with more dead rows than this is merged with itself: with the library's own value, 1, two
/// hundred saved files left twelve segments and every dead row.
const DEAD: f32 = 0.3;
/// Segments of a size that are merged into one.
const SEGMENTS: usize = 4;
/// More segments than this, and a commit waits for the merges: each costs every query.
const MOST_SEGMENTS: usize = 12;
/// Written with a commit after which nothing was left to do.
const COMPLETE: &str = "complete";

/// The searched fields and those that tell whose a row is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    /// Body, names, head and path: the order in which [`Weights`] has their weights.
    pub(crate) searched: [Field; 4],
    /// Of a chunk's row: the key of its file, and which of the file's chunks it is.
    file: Field,
    ordinal: Field,
    /// Of a file's row: its key and its record.
    key: Field,
    record: Field,
}

impl Fields {
    fn schema() -> (Schema, Fields) {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_tokenizer("terms")
            .set_index_option(IndexRecordOption::WithFreqs);
        let text = TextOptions::default().set_indexing_options(indexing);
        let searched = ["body", "name", "head", "path"];
        let fields = Fields {
            searched: searched.map(|name| schema.add_text_field(name, text.clone())),
            file: schema.add_u64_field("file", INDEXED | FAST),
            ordinal: schema.add_u64_field("ordinal", FAST),
            key: schema.add_u64_field("key", INDEXED),
            record: schema.add_bytes_field("record", STORED),
        };
        (schema.build(), fields)
    }
}

/// The texts of a chunk's searched fields, in their order.
pub(crate) fn parts(record: &Record, text: &str, ordinal: usize) -> [String; 4] {
    let chunk = &record.chunks[ordinal];
    let own = [chunk.name.as_str(), &chunk.qualified].into_iter();
    let names = own.chain(chunk.names.iter().map(String::as_str));
    let heads = std::iter::once(&chunk.signature).chain(&chunk.members);
    [
        text[chunk.bytes.clone()].to_owned(),
        names.collect::<Vec<&str>>().join(" "),
        heads.map(|bytes| &text[bytes.clone()]).collect(),
        place(&record.path),
    ]
}

/// An index of the search library, for reading.
pub(crate) struct Store {
    index: Index,
    reader: IndexReader,
    fields: Fields,
}

/// The one that writes it, for as long as the process does.
pub(crate) struct Writer {
    writer: IndexWriter,
    fields: Fields,
}

impl Store {
    /// Opens what is there.
    ///
    /// # Errors
    /// Also where a file of the index is damaged, by its checksum where `check` asks for all of them.
    pub(crate) fn open(directory: impl Directory, check: bool) -> tantivy::Result<Store> {
        let index = Index::open(directory)?;
        let (schema, fields) = Fields::schema();
        if index.schema() != schema {
            return Err(TantivyError::SchemaError("another schema".to_owned()));
        }
        if check && !index.validate_checksum()?.is_empty() {
            return Err(TantivyError::SystemError("a checksum is wrong".to_owned()));
        }
        Store::of(index, fields)
    }

    /// Makes an empty one.
    pub(crate) fn create(directory: impl Directory) -> tantivy::Result<Store> {
        let (schema, fields) = Fields::schema();
        Store::of(
            Index::create(directory, schema, Default::default())?,
            fields,
        )
    }

    fn of(index: Index, fields: Fields) -> tantivy::Result<Store> {
        index.tokenizers().register("terms", Terms);
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()?;
        Ok(Store {
            index,
            reader,
            fields,
        })
    }

    /// The only writer of this index in this process and, by the library's lock, in any.
    pub(crate) fn writer(&self) -> tantivy::Result<Writer> {
        let writer: IndexWriter = self.index.writer_with_num_threads(1, HEAP)?;
        let mut policy = LogMergePolicy::default();
        policy.set_min_num_segments(SEGMENTS);
        policy.set_del_docs_ratio_before_merge(DEAD);
        writer.set_merge_policy(Box::new(policy));
        Ok(Writer {
            writer,
            fields: self.fields,
        })
    }

    /// Whether the next commit should wait for merges.
    pub(crate) fn is_crowded(&self) -> bool {
        let metas = self.index.searchable_segment_metas();
        metas.is_ok_and(|metas| metas.len() > MOST_SEGMENTS)
    }

    /// What the last commit holds. What the view before it has read is not read again.
    ///
    /// # Errors
    /// Rows that cannot be read, or a file that is there twice: the index is damaged.
    pub(crate) fn view(&self, before: Option<&View>) -> tantivy::Result<View> {
        self.reader.reload()?;
        let mut view = View {
            fields: self.fields,
            searcher: self.reader.searcher(),
            columns: Vec::new(),
            segments: Vec::new(),
            files: HashMap::new(),
            paths: HashMap::new(),
            complete: self.index.load_metas()?.payload.as_deref() == Some(COMPLETE),
        };
        for (ordinal, segment) in view.searcher.segment_readers().iter().enumerate() {
            let column = |name| segment.fast_fields().column_opt::<u64>(name);
            view.columns.push((column("file")?, column("ordinal")?));
            let known = before.and_then(|before| before.records_of(ordinal, segment));
            let records = match known {
                Some(records) => records,
                None => Arc::new(self.records(segment)?),
            };
            for (document, record) in records.iter() {
                if segment.is_deleted(*document) {
                    continue;
                }
                let key = record.key();
                view.files.insert(key, Arc::clone(record));
                if view.paths.insert(Arc::clone(&record.path), key).is_some() {
                    return Err(TantivyError::SystemError(
                        "a file is there twice".to_owned(),
                    ));
                }
            }
            view.segments.push((segment.segment_id(), records));
        }
        Ok(view)
    }

    fn records(&self, segment: &tantivy::SegmentReader) -> tantivy::Result<Records> {
        let store = segment.get_store_reader(1)?;
        let mut records = Vec::new();
        let documents = store.iter::<TantivyDocument>(segment.alive_bitset());
        for (id, document) in segment.doc_ids_alive().zip(documents) {
            let document = document?;
            let Some(bytes) = document.get_first(self.fields.record) else {
                continue;
            };
            let record = bytes.as_bytes().and_then(Record::decode);
            let record = record
                .ok_or_else(|| TantivyError::SystemError("a record is damaged".to_owned()))?;
            records.push((id, Arc::new(record)));
        }
        Ok(records)
    }
}

impl Writer {
    /// Adds a file with its rows. The older one of the same path has to be removed before.
    pub(crate) fn add(&self, record: &Record, text: &str) -> tantivy::Result<()> {
        let key = record.key();
        for ordinal in 0..record.chunks.len() {
            let mut document = TantivyDocument::default();
            document.add_u64(self.fields.file, key);
            document.add_u64(self.fields.ordinal, ordinal as u64);
            let parts = parts(record, text, ordinal);
            for (field, part) in self.fields.searched.into_iter().zip(parts) {
                document.add_text(field, part);
            }
            self.writer.add_document(document)?;
        }
        self.add_record(record)
    }

    /// Replaces what is known of a file whose text is the same.
    pub(crate) fn restamp(&self, record: &Record) -> tantivy::Result<()> {
        self.delete(self.fields.key, record.key());
        self.add_record(record)
    }

    pub(crate) fn remove(&self, key: u64) {
        self.delete(self.fields.key, key);
        self.delete(self.fields.file, key);
    }

    /// Puts what was done on the disk, all of it or nothing. `complete` says that nothing is left to do.
    pub(crate) fn commit(&mut self, complete: bool) -> tantivy::Result<()> {
        let mut commit = self.writer.prepare_commit()?;
        commit.set_payload(if complete { COMPLETE } else { "" });
        commit.commit().map(drop)
    }

    /// Waits until the merges that run have ended, and removes the files that nobody needs.
    pub(crate) fn settle(self) -> tantivy::Result<()> {
        self.writer.wait_merging_threads()
    }

    fn add_record(&self, record: &Record) -> tantivy::Result<()> {
        let mut document = TantivyDocument::default();
        document.add_u64(self.fields.key, record.key());
        document.add_bytes(self.fields.record, &record.encode());
        self.writer.add_document(document).map(drop)
    }

    fn delete(&self, field: Field, key: u64) {
        self.writer.delete_term(Term::from_field_u64(field, key));
    }
}

/// Whose row a row is, and which of its file's chunks.
type Columns = (Option<Column<u64>>, Option<Column<u64>>);

type Records = Vec<(DocId, Arc<Record>)>;

/// What one commit holds.
pub(crate) struct View {
    fields: Fields,
    searcher: Searcher,
    /// Of each segment.
    columns: Vec<Columns>,
    segments: Vec<(tantivy::index::SegmentId, Arc<Records>)>,
    pub(crate) files: HashMap<u64, Arc<Record>>,
    pub(crate) paths: HashMap<Arc<str>, u64>,
    /// Whether the walk that made it had come to its end.
    pub(crate) complete: bool,
}

/// A chunk's row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) record: Arc<Record>,
    pub(crate) ordinal: usize,
    pub(crate) score: f32,
}

impl View {
    pub(crate) fn fields(&self) -> Fields {
        self.fields
    }

    pub(crate) fn file(&self, path: &str) -> Option<&Arc<Record>> {
        self.files.get(self.paths.get(path)?)
    }

    /// The share of dead rows.
    pub(crate) fn dead(&self) -> f32 {
        let segments = self.searcher.segment_readers();
        let all: u32 = segments.iter().map(tantivy::SegmentReader::max_doc).sum();
        let dead = all - segments.iter().map(|s| s.num_docs()).sum::<u32>();
        dead as f32 / all.max(1) as f32
    }

    /// The best rows for a question that `wanted` does not leave out, best first, at most [`CANDIDATES`];
    /// BM25 with k1 1.2 and b 0.75, which are the library's, over these statistics.
    pub(crate) fn search(
        &self,
        query: &Query,
        weights: &Weights,
        statistics: &dyn Bm25StatisticsProvider,
        wanted: &dyn Fn(&str) -> bool,
    ) -> tantivy::Result<Vec<Row>> {
        if self.files.is_empty() {
            return Ok(Vec::new());
        }
        let mut clauses: Vec<(Occur, Box<dyn tantivy::query::Query>)> = Vec::new();
        for term in &query.terms {
            let fields = self.fields.searched.into_iter().zip(weights.fields);
            for (field, boost) in fields.filter(|(_, boost)| *boost > 0.0) {
                let value = Term::from_field_text(field, &term.text);
                let one = TermQuery::new(value, IndexRecordOption::WithFreqs);
                let weighed = BoostQuery::new(Box::new(one), boost * term.weight);
                clauses.push((Occur::Should, Box::new(weighed)));
            }
        }
        let query = BooleanQuery::new(clauses);
        // Rows that are not wanted take places; where they took many, once more with more places.
        for places in [CANDIDATES, CANDIDATES * 10] {
            let top = TopDocs::with_limit(places).order_by_score();
            let found = self
                .searcher
                .search_with_statistics_provider(&query, &top, statistics)?;
            let seen = found.len();
            let rows = found.into_iter().filter_map(|(score, address)| {
                let (files, ordinals) = &self.columns[address.segment_ord as usize];
                let key = files.as_ref()?.first(address.doc_id)?;
                let ordinal = ordinals.as_ref()?.first(address.doc_id)? as usize;
                let record = self.files.get(&key)?;
                (ordinal < record.chunks.len() && wanted(&record.path)).then(|| Row {
                    record: Arc::clone(record),
                    ordinal,
                    score,
                })
            });
            let rows: Vec<Row> = rows.take(CANDIDATES).collect();
            if seen < places || rows.len() * 2 >= CANDIDATES {
                return Ok(rows);
            }
        }
        Ok(Vec::new())
    }

    /// Every row with its file in the order of paths and chunks; rows of no file have none.
    pub(crate) fn rows(&self) -> Vec<(Option<Arc<Record>>, usize)> {
        let mut rows = Vec::new();
        for (at, segment) in self.searcher.segment_readers().iter().enumerate() {
            let (files, ordinals) = &self.columns[at];
            for id in segment.doc_ids_alive() {
                let key = files.as_ref().and_then(|column| column.first(id));
                let ordinal = ordinals.as_ref().and_then(|column| column.first(id));
                if let (Some(key), Some(ordinal)) = (key, ordinal) {
                    rows.push((self.files.get(&key).cloned(), ordinal as usize));
                }
            }
        }
        rows.sort_by(|a, b| {
            let path = |row: &(Option<Arc<Record>>, usize)| row.0.as_ref().map(|r| r.path.clone());
            path(a).cmp(&path(b)).then(a.1.cmp(&b.1))
        });
        rows
    }

    fn records_of(&self, ordinal: usize, segment: &tantivy::SegmentReader) -> Option<Arc<Records>> {
        // Segments mostly keep their places.
        let same =
            |(id, _): &&(tantivy::index::SegmentId, Arc<Records>)| *id == segment.segment_id();
        let near = self.segments.get(ordinal).filter(same);
        let found = near.or_else(|| self.segments.iter().find(same));
        found.map(|(_, records)| Arc::clone(records))
    }
}

/// Rows of files are no rows for BM25: what counts documents counts chunks.
impl Bm25StatisticsProvider for View {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        self.searcher.total_num_tokens(field)
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        let columns = self.columns.iter().filter_map(|(files, _)| files.as_ref());
        Ok(columns.map(|c| u64::from(c.values.num_vals())).sum())
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        self.searcher.doc_freq(term)
    }
}
