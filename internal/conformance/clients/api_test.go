package clients

import "encoding/json"

// speakMessages is Anthropic's Messages API, which Claude Code and opencode speak.
func speakMessages(body []byte) ([]event, error) {
	var request struct {
		Model    string
		Messages []struct {
			Role    string
			Content json.RawMessage
		}
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, err
	}
	var t turn
	for _, m := range request.Messages {
		if m.Role != "user" {
			continue
		}
		var blocks []struct {
			Type    string
			Text    string
			Content json.RawMessage
		}
		if json.Unmarshal(m.Content, &blocks) != nil { // a plain string
			t.note(texts(m.Content))
		}
		for _, b := range blocks {
			if b.Type == "tool_result" {
				t.hear(texts(b.Content))
			} else {
				t.note(b.Text)
			}
		}
	}
	usage := object{"input_tokens": 1, "output_tokens": 1}
	block, delta, reason := object{"type": "text", "text": ""}, object{"type": "text_delta", "text": t.answer()}, "end_turn"
	if t.tool != "" {
		block = object{"type": "tool_use", "id": "toolu_1", "name": t.tool, "input": object{}}
		delta, reason = object{"type": "input_json_delta", "partial_json": t.arguments}, "tool_use"
	}
	return []event{
		say(object{"type": "message_start", "message": object{
			"id": "msg_1", "type": "message", "role": "assistant", "model": request.Model, "content": []any{},
			"stop_reason": nil, "stop_sequence": nil, "usage": usage,
		}}),
		say(object{"type": "content_block_start", "index": 0, "content_block": block}),
		say(object{"type": "content_block_delta", "index": 0, "delta": delta}),
		say(object{"type": "content_block_stop", "index": 0}),
		say(object{"type": "message_delta", "delta": object{"stop_reason": reason, "stop_sequence": nil}, "usage": usage}),
		say(object{"type": "message_stop"}),
	}, nil
}

// speakResponses is OpenAI's Responses API, which Codex speaks.
func speakResponses(body []byte) ([]event, error) {
	var request struct {
		Input []struct {
			Type    string
			Role    string
			Content json.RawMessage
			Output  json.RawMessage
		}
		Tools []struct {
			Type, Name string
			Tools      []struct{ Name string }
		}
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, err
	}
	var t turn
	for _, item := range request.Input {
		switch {
		case item.Type == "function_call_output":
			t.hear(texts(item.Output))
		case item.Role == "user":
			t.note(texts(item.Content))
		}
	}
	item := object{"type": "message", "id": "msg_1", "role": "assistant", "content": []any{object{"type": "output_text", "text": t.answer()}}}
	if t.tool != "" {
		item = object{"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": t.tool, "arguments": t.arguments}
		for _, group := range request.Tools {
			for _, tool := range group.Tools {
				if tool.Name == t.tool { // a tool that stands in a namespace is called by both names
					item["namespace"] = group.Name
				}
			}
		}
	}
	usage := object{"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
	return []event{
		say(object{"type": "response.created", "response": object{"id": "resp_1"}}),
		say(object{"type": "response.output_item.done", "output_index": 0, "item": item}),
		say(object{"type": "response.completed", "response": object{"id": "resp_1", "usage": usage}}),
	}, nil
}

// speakContents is Google's generateContent API, which Gemini CLI speaks.
func speakContents(body []byte) ([]event, error) {
	var request struct {
		Contents []struct {
			Role  string
			Parts []struct {
				Text             string
				FunctionResponse struct {
					Response json.RawMessage
				}
			}
		}
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, err
	}
	var t turn
	for _, content := range request.Contents {
		for _, part := range content.Parts {
			switch {
			case content.Role != "user":
			case part.FunctionResponse.Response != nil:
				t.hear(texts(part.FunctionResponse.Response))
			default:
				t.note(part.Text)
			}
		}
	}
	part := object{"text": t.answer()}
	if t.tool != "" {
		part = object{"functionCall": object{"name": t.tool, "args": json.RawMessage(t.arguments)}}
	}
	return []event{say(object{
		"candidates": []any{object{
			"content": object{"role": "model", "parts": []any{part}}, "finishReason": "STOP", "index": 0,
		}},
		"usageMetadata": object{"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
	})}, nil
}
