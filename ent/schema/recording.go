package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// RecordingOptions are the options that a host chose for a recording.
type RecordingOptions struct {
	// Transcribe requests a transcript from another service.
	Transcribe bool `json:"transcribe,omitempty"`
	// Language is the spoken language as a BCP 47 tag; empty if unknown.
	Language string `json:"language,omitempty"`
}

// Recording is one egress of a room to a file in the bucket. Its id names the file.
type Recording struct{ ent.Schema }

// Mixin of the Recording.
func (Recording) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of the Recording.
func (Recording) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("room_id", uuid.UUID{}).Immutable(),
		field.Enum("mode").Values("SCREEN", "AUDIO").Immutable(),
		field.Enum("status").Default("INITIATED").
			Values("INITIATED", "ACTIVE", "STOPPING", "SAVED", "FAILED", "ABORTED"),
		field.String("reason").Default("").Comment("Why it failed, was aborted or ended by itself."),
		field.JSON("options", RecordingOptions{}).Immutable(),
		field.UUID("started_by", uuid.UUID{}).Immutable().Comment("The user's id; the account may have been deleted."),
		field.String("egress_id").Optional().Nillable().Unique().MaxLen(255).
			Comment("LiveKit's id; null until it is known."),
		field.Time("started_at").Optional().Nillable().Comment("When LiveKit began to record media."),
		field.Time("stopping_at").Optional().Nillable().
			Comment("When somebody stopped it, or LiveKit reported that it is ending."),
		field.Time("ended_at").Optional().Nillable().Comment("When it reached its final status."),
		field.Int64("size").Optional().Nillable().Comment("The size of the file, in bytes."),
		field.Int64("duration").Optional().Nillable().Comment("The duration of the media, in milliseconds."),
		field.Time("expires_at").Optional().Nillable().
			Comment("When the file is withdrawn and deleted; null for never."),
		field.Enum("transcript").Values("NONE", "PENDING", "READY", "FAILED").Default("NONE").
			Comment("The status of the transcript, which another service makes."),
	}
}

// Edges of the Recording.
func (Recording) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("room", Room.Type).Ref("recordings").Field("room_id").
			Unique().Required().Immutable().Annotations(uncollected),
		edge.To("accesses", RecordingAccess.Type).
			Annotations(entsql.OnDelete(entsql.Cascade), uncollected),
	}
}

// Indexes of the Recording.
func (Recording) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("room_id").Unique().StorageKey("recording_unfinished").
			Annotations(entsql.IndexWhere("ended_at IS NULL")),
		index.Fields("room_id", "created_at", "id"),
		index.Fields("created_at", "id"),
		index.Fields("expires_at"),
	}
}

// RecordingAccess lets a user who is not a host of the room see a recording.
type RecordingAccess struct{ ent.Schema }

// Mixin of the RecordingAccess.
func (RecordingAccess) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of the RecordingAccess.
func (RecordingAccess) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.UUID("recording_id", uuid.UUID{}).Immutable(),
		field.String("email").Default("").
			Comment("The e-mail address with which a host shared the recording; empty for another way."),
	}
}

// Edges of the RecordingAccess.
func (RecordingAccess) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("user", User.Type).Ref("recording_accesses").Field("user_id").
			Unique().Required().Immutable().Annotations(uncollected),
		edge.From("recording", Recording.Type).Ref("accesses").Field("recording_id").
			Unique().Required().Immutable().Annotations(uncollected),
	}
}

// Indexes of the RecordingAccess.
func (RecordingAccess) Indexes() []ent.Index {
	return []ent.Index{index.Fields("user_id", "recording_id").Unique(), index.Fields("recording_id")}
}
