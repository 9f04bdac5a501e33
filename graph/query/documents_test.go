package query_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/graph"
	"foyer/graph/query"
)

// A document that an installation trusts, and one that it does not.
const (
	trusted   = `query Trusted { __typename }`
	untrusted = `query Untrusted { __typename }`
)

func hashOf(document string) string {
	sum := sha256.Sum256([]byte(document))
	return hex.EncodeToString(sum[:])
}

// manifest writes a manifest, and returns its path.
func manifest(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "documents.json")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// trusting returns a setting: the API with a manifest that has trusted.
func trusting(t *testing.T, enforce bool) func(*graph.Settings) {
	t.Helper()
	path := manifest(t, asJSON(t, map[string]string{hashOf(trusted): trusted}))
	documents, err := query.ReadDocuments(path, enforce)
	require.NoError(t, err)
	return func(s *graph.Settings) { s.Documents = documents }
}

func byText(t *testing.T, document string) string { return asJSON(t, object{"query": document}) }

func byHash(t *testing.T, document, hash string) string {
	persisted := object{"persistedQuery": object{"version": 1, "sha256Hash": hash}}
	return asJSON(t, object{"query": document, "extensions": persisted})
}

const served = `{"data":{"__typename":"Query"}}`

func TestWithoutAManifestEveryDocumentIsServed(t *testing.T) {
	t.Parallel()
	h := api(false)
	assert.Equal(t, served, ask(t, h, byText(t, trusted)).text)
	assert.Equal(t, served, ask(t, h, byText(t, untrusted)).text)
}

func TestEnforcingRefusesUntrustedDocuments(t *testing.T) {
	t.Parallel()
	h := api(false, trusting(t, true))
	for range 2 { // first not cached, then cached
		assert.Equal(t, served, ask(t, h, byText(t, trusted)).text)
		assert.Equal(t, served, ask(t, h, byHash(t, "", hashOf(trusted))).text)
		assert.Equal(t, served, ask(t, h, byHash(t, trusted, hashOf(trusted))).text)
		for name, body := range map[string]string{
			"unknown":                         byText(t, untrusted),
			"but for a space":                 byText(t, trusted+" "),
			"unknown hash":                    byHash(t, "", hashOf(untrusted)),
			"unknown, registered":             byHash(t, untrusted, hashOf(untrusted)),
			"unknown under the hash of known": byHash(t, untrusted, hashOf(trusted)),
			"hash in capitals":                byHash(t, "", strings.ToUpper(hashOf(trusted))),
			"hash no text":                    `{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": 1}}}`,
			"extension no object":             `{"extensions": {"persistedQuery": "x"}}`,
		} {
			got := ask(t, h, body)
			assert.Equal(t, "INVALID", got.code(), name)
			assert.NotContains(t, got.text, "data", name)
		}
	}
}

// Not parallel, because it sets the process's log.
func TestLoggingServesEveryDocumentAndLogsUnknownHashes(t *testing.T) {
	log := &bytes.Buffer{}
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(log, nil)))
	defer slog.SetDefault(before)
	h := api(false, trusting(t, false))

	assert.Equal(t, served, ask(t, h, byText(t, trusted)).text)
	assert.Equal(t, served, ask(t, h, byHash(t, "", hashOf(trusted))).text)
	assert.Empty(t, log.String())
	assert.Equal(t, served, ask(t, h, byText(t, untrusted)).text)
	assert.Contains(t, log.String(), hashOf(untrusted))
	assert.NotContains(t, log.String(), "Untrusted", "a document may have secrets in it")

	log.Reset()
	assert.Equal(t, "PERSISTED_QUERY_NOT_FOUND", ask(t, h, byHash(t, "", hashOf(untrusted))).code())
	assert.Empty(t, log.String(), "there is no document to log")
	assert.Equal(t, served, ask(t, h, byHash(t, untrusted, hashOf(untrusted))).text)
	assert.Contains(t, log.String(), hashOf(untrusted))
}

func TestBadManifestIsRefused(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]struct{ text, problem string }{
		"no JSON":     {`nonsense`, "invalid character"},
		"list":        {`["` + trusted + `"]`, "cannot unmarshal array"},
		"lists in it": {`{"` + hashOf(trusted) + `": [1]}`, "cannot unmarshal array"},
		"wrong hash": {
			asJSON(t, map[string]string{hashOf(untrusted): trusted}), "is not the SHA-256 of its document",
		},
		"names for hash": {asJSON(t, map[string]string{"Trusted": trusted}), "Trusted is not the SHA-256"},
		"null":           {`null`, "no documents"},
		"empty":          {`{}`, "no documents"},
	} {
		path := manifest(t, bad.text)
		_, err := query.ReadDocuments(path, true)
		require.Error(t, err, name)
		assert.Contains(t, err.Error(), bad.problem, name)
		assert.Contains(t, err.Error(), path, name)
	}
	_, err := query.ReadDocuments(filepath.Join(t.TempDir(), "none.json"), true)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestPersistedQuery(t *testing.T) {
	t.Parallel()
	h := api(false)
	hash := hashOf(trusted)

	missing := ask(t, h, byHash(t, "", hash))
	missing.refusedWith(200, "PERSISTED_QUERY_NOT_FOUND")
	assert.Equal(t, "PersistedQueryNotFound", at(missing.body()["errors"].([]any)[0], "message"),
		"clients check this message too")

	ask(t, h, byHash(t, untrusted, hash)).refusedWith(200, "INVALID")
	assert.Equal(t, "PERSISTED_QUERY_NOT_FOUND", ask(t, h, byHash(t, "", hash)).code(), "nothing was cached")

	assert.Equal(t, served, ask(t, h, byHash(t, trusted, hash)).text)
	assert.Equal(t, served, ask(t, h, byHash(t, "", hash)).text)
	for name, persisted := range map[string]string{
		"version 2": fmt.Sprintf(`{"version": 2, "sha256Hash": %q}`, hash),
		"no object": `"x"`, "no version": fmt.Sprintf(`{"sha256Hash": %q}`, hash),
	} {
		body := fmt.Sprintf(`{"extensions": {"persistedQuery": %s}}`, persisted)
		assert.Equal(t, "INVALID", ask(t, h, body).code(), name)
	}
}

// Anybody may register documents: large ones are not cached, and others only up to a number.
func TestPersistedQueriesAreBounded(t *testing.T) {
	t.Parallel()
	h := api(false)
	large := trusted + strings.Repeat(" ", 17<<10)
	assert.Equal(t, served, ask(t, h, byHash(t, large, hashOf(large))).text)
	assert.Equal(t, "PERSISTED_QUERY_NOT_FOUND", ask(t, h, byHash(t, "", hashOf(large))).code())

	assert.Equal(t, served, ask(t, h, byHash(t, trusted, hashOf(trusted))).text)
	for i := range 500 {
		other := fmt.Sprintf("query Q%d { __typename }", i)
		require.Equal(t, served, ask(t, h, byHash(t, other, hashOf(other))).text)
	}
	assert.Equal(t, "PERSISTED_QUERY_NOT_FOUND", ask(t, h, byHash(t, "", hashOf(trusted))).code())
}

func TestDocumentsHaveTheNamesOfTheirOperations(t *testing.T) {
	t.Parallel()
	several := `query One { __typename } mutation Two { __typename } fragment Three on Query { __typename }`
	path := manifest(t, asJSON(t, map[string]string{
		hashOf(trusted): trusted, hashOf(several): several, hashOf(`{ __typename }`): `{ __typename }`,
		hashOf(`{ no document`): `{ no document`,
	}))
	documents, err := query.ReadDocuments(path, true)
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"Trusted", "One", "Two"}, documents.OperationNames())
}
