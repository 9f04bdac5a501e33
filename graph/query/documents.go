package query

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

// Documents are the trusted documents: those that an installation's own clients send. A client may send only a
// document's hash, as for automatic persisted queries:
// {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "…"}}}.
type Documents struct {
	byHash  map[string]string
	enforce bool
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
} = &Documents{}

// ReadDocuments reads a manifest: a JSON object of documents by their SHA-256 in hexadecimal. With enforce, any other
// document is refused; otherwise its hash is logged.
func ReadDocuments(path string, enforce bool) (*Documents, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("trusted documents: %w", err)
	}
	d := &Documents{enforce: enforce}
	if err := json.Unmarshal(text, &d.byHash); err != nil {
		return nil, fmt.Errorf("trusted documents in %s: %w", path, err)
	}
	if len(d.byHash) == 0 { // a mistake: with enforce it would refuse every request
		return nil, fmt.Errorf("trusted documents in %s: there are no documents", path)
	}
	for hash, document := range d.byHash {
		if hash != hashOf(document) {
			return nil, fmt.Errorf("trusted documents in %s: %s is not the SHA-256 of its document", path, hash)
		}
	}
	return d, nil
}

// Trust adds the documents of another manifest, which our build made.
func (d *Documents) Trust(manifest []byte) error {
	if err := json.Unmarshal(manifest, &d.byHash); err != nil {
		return fmt.Errorf("trusted documents of the page: %w", err)
	}
	return nil
}

func hashOf(document string) string {
	sum := sha256.Sum256([]byte(document))
	return hex.EncodeToString(sum[:])
}

// OperationNames returns the names of the operations in the documents.
func (d *Documents) OperationNames() []string {
	var names []string
	for _, text := range d.byHash {
		document, err := parser.ParseQuery(&ast.Source{Input: text})
		if err != nil {
			continue // no request can run it
		}
		for _, operation := range document.Operations {
			if operation.Name != "" {
				names = append(names, operation.Name)
			}
		}
	}
	return names
}

// ExtensionName names the documents to gqlgen.
func (*Documents) ExtensionName() string { return "TrustedDocuments" }

// Validate accepts any schema.
func (*Documents) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters finds the document of a hash, and refuses or logs a document that is not trusted.
func (d *Documents) MutateOperationParameters(
	ctx context.Context, params *graphql.RawParams,
) *gqlerror.Error {
	if persisted, ok := params.Extensions["persistedQuery"].(map[string]any); ok && params.Query == "" {
		hash, _ := persisted["sha256Hash"].(string)
		if document, known := d.byHash[hash]; known {
			params.Query = document
			return nil
		}
	}
	hash := hashOf(params.Query)
	if _, known := d.byHash[hash]; known {
		return nil
	}
	if d.enforce {
		return gqlerror.Errorf("this document is not among those that are served here")
	}
	if params.Query != "" {
		slog.WarnContext(ctx, "a document is not among the trusted ones", "sha256", hash)
	}
	return nil
}
