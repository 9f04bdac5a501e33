package schema

import (
	"encoding/json"
	"time"

	"entgo.io/contrib/entgql"
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// OutboxMessage is a notification to the outside, written in the same transaction as the change it reports. Package
// outbox delivers it. It is not in the API.
type OutboxMessage struct{ ent.Schema }

// Mixin of the OutboxMessage.
func (OutboxMessage) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of the OutboxMessage.
func (OutboxMessage) Fields() []ent.Field {
	return []ent.Field{
		field.String("kind").NotEmpty().MaxLen(64).Immutable().Comment("Selects the function that delivers it."),
		field.JSON("payload", json.RawMessage{}).Immutable(),
		field.Int("attempts").Default(0).
			Comment("The number of attempts. It rises with each claim, and so identifies the claim."),
		field.Time("next_attempt_at").Default(time.Now).
			Comment("When it is due. During an attempt: when another server may claim it."),
		field.Time("delivered_at").Optional().Nillable(),
		field.Time("failed_at").Optional().Nillable().Comment("When it was given up."),
		field.String("last_error").Default("").Comment("The error of the last attempt, without personal data."),
	}
}

// Indexes of the OutboxMessage.
func (OutboxMessage) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("next_attempt_at").
			Annotations(entsql.IndexWhere("(delivered_at IS NULL) AND (failed_at IS NULL)")),
		index.Fields("delivered_at"),
		index.Fields("failed_at"),
	}
}

// Annotations of the OutboxMessage.
func (OutboxMessage) Annotations() []schema.Annotation {
	return []schema.Annotation{entgql.Skip(entgql.SkipAll)}
}
