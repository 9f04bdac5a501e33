package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// requests are bodies, and whether they are plain enough to be read without encoding/json.
var requests = []struct {
	body  string
	plain bool
}{
	{`{"query":"query Room($id:ID!){room(id:$id){id}}","variables":{"id":"0190a7c4"}}`, true},
	{`{"operationName":"A","query":"{\n\ta(b: \"\\\/\")\r}","variables":null,"extensions":null}`, true},
	{` { "operationName" : null , "variables" : { } , "extensions" : { "a" : [ ] } , "query" : "é 名 🙂" } ` + "\n", true},
	{`{"query":"q","variables":{"input":{"a":[1,-2,0,{"b":null}],"c":true,"d":false,"e":"x","e":"y"}}}`, true},
	{"{}", true},
	{"", false}, {"null", false}, {"[]", false}, {"{", false}, {"{,}", false}, {`{"query":"a",}`, false},
	{`{"query":"a"}}`, false}, {`{"query":"a"} {}`, false}, {`{"query":"a"`, false}, {`{"query" "a"}`, false},
	{`{"Query":"a"}`, false}, {`{"qu\u0065ry":"a"}`, false}, {`{"query":"a","query":"b"}`, false},
	{`{"query":"\u0061"}`, false}, {`{"query":"\b"}`, false}, {`{"query":"\x"}`, false}, {`{"query":"\`, false},
	{`{"query":"\"}`, false}, {"{\"query\":\"\n\"}", false}, {"{\"query\":\"\xff\"}", false}, {`{"query":7}`, false},
	{`{"query":"a","headers":{"A":["b"]}}`, false}, {`{"query":"a","other":1}`, false},
	{`{"variables":{"a":1.5}}`, false}, {`{"variables":{"a":1e3}}`, false}, {`{"variables":{"a":01}}`, false},
	{`{"variables":{"a":-}}`, false}, {`{"variables":{"a":-0}}`, true}, {`{"variables":{"a":nul}}`, false},
	{`{"variables":{"a":nulla}}`, false}, {`{"variables":{"a":[1,]}}`, false}, {`{"variables":{"a":[1 2]}}`, false},
	{`{"variables":[]}`, false}, {`{"variables":{},"variables":{}}`, false}, {`{"extensions":"a"}`, false},
	{`{"variables":{"a":[[[[[[[[[[[[[[1]]]]]]]]]]]]]]}}`, true},
	{`{"variables":{"a":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}}`, false},
}

func TestRequestsAreReadAsEncodingJSONReadsThem(t *testing.T) {
	t.Parallel()
	for _, of := range requests {
		assert.Equal(t, of.plain, sameAsEncodingJSON(t, []byte(of.body)), of.body)
	}
}

// FuzzRequest: what is read without encoding/json is what that reads.
func FuzzRequest(f *testing.F) {
	for _, of := range requests {
		f.Add([]byte(of.body))
	}
	f.Fuzz(func(t *testing.T, text []byte) { sameAsEncodingJSON(t, text) })
}

// sameAsEncodingJSON compares what is read of a text, and reports whether it was plain.
func sameAsEncodingJSON(t *testing.T, text []byte) (plain bool) {
	var want, read, decoded graphql.RawParams
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	wantErr := d.Decode(&want)
	if _, err := d.Token(); wantErr == nil && !errors.Is(err, io.EOF) {
		wantErr = errors.New("more than one value")
	}
	if plain = decodePlain(text, &read); plain {
		require.NoError(t, wantErr)
		require.Equal(t, want, read)
	} else {
		require.Equal(t, graphql.RawParams{}, read)
	}
	require.Equal(t, wantErr == nil, decode(text, &decoded) == nil)
	if wantErr == nil {
		require.Equal(t, want, decoded)
	}
	return plain
}

// BenchmarkDecode reads the body that asks for a room, as we do and as encoding/json does.
func BenchmarkDecode(b *testing.B) {
	body := []byte(`{"query":"query Room($id:ID!){room(id:$id){id name slug accessLevel}}",` +
		`"variables":{"id":"0190a7c4-5b7e-7cc1-8f0a-3c2b1d4e5f60"}}`)
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := decode(body, &graphql.RawParams{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d := json.NewDecoder(bytes.NewReader(body))
			d.UseNumber()
			if err := d.Decode(&graphql.RawParams{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
