-- An order with a negative amount is a mistake of the shop's software; refunds are returned orders.
select order_id, amount
from {{ ref('stg_orders') }}
where amount < 0
