package liveshop.peers;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/** A click, a batch of likes or an order: the fields that the job needs. */
@JsonIgnoreProperties(ignoreUnknown = true)
record Event(
        String type,
        @JsonProperty("room_id") String room,
        @JsonProperty("occurred_at_ms") long occurredAtMs,
        @JsonProperty("product_id") String product,
        long count,
        @JsonProperty("order_id") String orderId,
        List<Line> lines) {

    /** One line of an order. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    record Line(
            @JsonProperty("product_id") String product,
            long quantity,
            @JsonProperty("paid_minor") long paidMinor) {}
}
