//go:build ignore

// Command entc generates package ent from ent/schema.
package main

import (
	"log"

	"entgo.io/contrib/entgql"
	"entgo.io/ent/entc"
	"entgo.io/ent/entc/gen"
)

func main() {
	// Foyer uses entgql's Relay pagination. The GraphQL schema is written by hand.
	gql, err := entgql.NewExtension(entgql.WithTemplates(
		entgql.CollectionTemplate, entgql.PaginationTemplate, entgql.EnumTemplate, entgql.NodeTemplate))
	if err != nil {
		log.Fatal(err)
	}
	err = entc.Generate("./schema",
		&gen.Config{Features: []gen.Feature{gen.FeatureUpsert, gen.FeatureLock}},
		entc.Extensions(gql))
	if err != nil {
		log.Fatal(err)
	}
}
