package transport

import (
	"encoding/json"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDecodeReadsOneValueAndNothingAfterIt(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		`{"query":"a"}`: true, " {} \n": true, "null": true, `{"query":"a","other":1}`: true,
		"": false, "{": false, "{,}": false, "[]": false, `{"query":"a",}`: false, `{"query":"a"}}`: false,
		`{"query":"a"} {}`: false, `{"query":"a","variables":{"a":1}} {}`: false, `{"query":"\x"}`: false,
		`{"query":"\`: false, "{\"query\":\"\n\"}": false, `{"query":7}`: false, `{"variables":[]}`: false,
		`{"variables":{"a":01}}`: false, `{"variables":{"a":-}}`: false, `{"extensions":"a"}`: false,
	} {
		assert.Equal(t, ok, decode([]byte(text), &graphql.RawParams{}) == nil, text)
	}
}

func TestDecodedNumbersKeepTheirDigits(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"7", "-7", "9223372036854775808", "1.50", "1e400", "-0"} {
		var params graphql.RawParams
		require.NoError(t, decode([]byte(`{"variables":{"a":["1",{"b":`+number+`}]}}`), &params), number)
		assert.Equal(t, []any{"1", map[string]any{"b": json.Number(number)}}, params.Variables["a"])
	}
}

// BenchmarkDecode reads the body that asks for a room.
func BenchmarkDecode(b *testing.B) {
	body := []byte(`{"query":"query Room($id:ID!){room(id:$id){id name slug accessLevel}}",` +
		`"variables":{"id":"0190a7c4-5b7e-7cc1-8f0a-3c2b1d4e5f60"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if err := decode(body, &graphql.RawParams{}); err != nil {
			b.Fatal(err)
		}
	}
}
